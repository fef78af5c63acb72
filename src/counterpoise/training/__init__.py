"""Training: from a table and a recipe to a generator of rows. Start with ``_fit``.

Steps are those of the paper.

``_fit``         the trainings of a fit, one after the other; the last one, refinement, is on
                 generated rows that selection accepts
``_rows``        which rows are trained on: real, interpolated, held out (steps 1 and 2)
``_loop``        fine-tuning with permutation and early stopping (steps 3 and 4): what it begins
                 with, samples seen, patience (evaluations of the held-out rows without a better
                 loss), and the loop
``_runtime``     how long a fit takes: estimate, `TimeBudget` (which sets the deadline), and what
                 ``model="auto"`` takes
``_data_parallel``  processes of ``torchrun``, which share batches and rows
``_checkpoint``  history and state of a training; resuming a killed one
"""

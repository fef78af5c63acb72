"""Training: from a table and a recipe to a generator of rows. Start with ``_fit``.

``_preparation``       the rows to learn from, for how long, a new model (step 2 of the paper)
``_interpolation``     SMOTE-NC rows (step 1)
``_loop``              fine-tuning, permutation, early stopping (steps 3 and 4)
``_refinement``        training on generated rows that selection accepts
``_history``           what happened in a training, and when it has to stop
``_checkpoint``        resuming a killed training
``_runtime_estimate``  how long a fit will take, from a few steps
``_auto_model``        what ``model="auto"`` takes
"""

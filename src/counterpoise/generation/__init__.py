"""Generating rows: prompts, constrained decoding, rejection sampling, selection, provenance.

Start with ``_generator``: a trained model and what it takes to generate rows with it.

``_prompts``             what prompts hold, and the order of the columns (step 5 of the paper)
``_decoding``            a batch of rows, token by token, under the grammar
``_free_decoding``       the published way: free text, parsed and repaired
``_selection``           classifiers of the real rows say which generated rows are kept
``_rejection_sampling``  draw, accept, select, refill
``_filling``             exactly the rows that each class lacks, with their provenance
``_condition``           values that the user fixes
``_scoring``             log-likelihood of rows, in training and as a measure
"""

from counterpoise.generation._rejection_sampling import RejectionStats

__all__ = ["RejectionStats"]

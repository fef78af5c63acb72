"""Generating rows with a trained model (steps 5 and 6 of the paper), and scoring rows.

Start with ``RowGenerator`` in ``_generator``: `generate` draws rows, `sample` draws until as many
as asked for are accepted; `provenance` says where each came from and which real row is nearest.

``_prompts``             what is given of a row: label and condition (step 5), the user's fixed
                         values; the order in which the other cells are generated
``_blocks``              which columns of a wide table are learned and generated together
``_decoding``            a batch of rows, token by token, under the grammar
``_restricting``         which codes a cell can have, given those that its row has already
``_free_decoding``       as published: free text, parsed and repaired
``_selection``           classifiers of the real rows, which select or label generated rows
``_rejection_sampling``  draw, accept, select, refill: what happens to a rejected row, and how many
                         draws a row may take
``_scoring``             log-likelihood of rows, as the loss of training and as a measure
"""

from counterpoise.generation._rejection_sampling import RejectionStats

__all__ = ["RejectionStats"]

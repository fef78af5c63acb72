"""A fitted sampler as a folder, and back: safetensors and JSON (and skops for given classifiers).

- ``_sampler.py``: `save_sampler` and `load_sampler`, start here; parameters and values as JSON
- ``_selection.py``: the selection classifier, the default one as arrays
- ``_folder.py``: the folder: whole or not at all, its manifest

The language model describes and rebuilds itself: `LanguageModel.describe` and `rebuild`.

============================ =====================================================================
``manifest.json``            format; SHA-256 of every other file
``sampler.json``             parameters and fitted attributes; schema (names, categories, ranges);
                             parts of free text; the model's form; training; random state
``weights.safetensors``      weights of the model
``value_counts.safetensors`` how often each value of a column occurs in a class, column by column;
                             the combinations of values of `FixedCombinations`
``selection.safetensors``    the trees that say which generated rows are kept
``selection.skops``          other scikit-learn classifiers given as ``Recipe(selection=...)``
``tokenizer.json``           the tokenizer of a pre-trained model
``rows.safetensors``,        the training rows and the real rows, only with ``include_rows=True``
``rows.json``
============================ =====================================================================

What is promised: loading executes nothing in the folder and imports nothing that it names; files
are read only by the names above. A folder that is damaged, or forged with a new manifest, gives a
`ModelError` or a sampler of the same kinds of values, never a crash, an endless loop or a full
memory. A forger can still make a sampler that generates other rows: who wrote a folder is not
checked. Nor is a folder anonymous, see `LLMOverSampler.save`.

Classes registered outside of the package (`register_constraint`, `register_model`,
`register_column_type`) are stored by name, and must be registered where the sampler is loaded.
"""

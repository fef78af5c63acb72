"""The benchmark of counterpoise and its peers; not part of the wheel.

``python -m benchmarks --help`` lists the commands; a module without an underscore is one of them.
What they share, in reading order:

- `_tables` (what tables there are, and their rows), `_protocols` (splits and scores);
- `_methods` (a method's name -> a sampler), `_samplers` (a flat list of overrides ->
  `LLMOverSampler`), `_peers` and `peers` (other packages, in their own environments);
- `_plan` (a TOML file), `_runner` (every run of a plan), `_run` (one run), `_folder` (its folder);
- `_results` (runs as CSV), `_report` (Markdown and figures from them);
- `_output` (result folders, Markdown tables), `_environment` (processor, versions, memory);
- `_entropy` (how varied the rows of a model are), `_relations` (whether rows keep a relation).
"""

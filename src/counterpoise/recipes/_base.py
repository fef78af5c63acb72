"""A method as a value: what is trained on, how a row is written, what a prompt holds.

Every method here is the same engine with other values, and so is an ablation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, TypeGuard

AS_RECIPE = "recipe"
"""In place of a parameter: what the recipe says."""

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "train_on": ("minority", "all"),
    "interpolation": ("smotenc", None),
    "permutation": ("label-first", "label-last", "no-label", "all", "none"),
    "condition": ("feature", "any-feature", "label"),
    "selection": ("classifier", None),
    "refinement": ("auto", "always", None),
    "numbers": ("plain", "digits"),
    "serialization": ("table", "text"),
    "decoding": ("grammar", "free"),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes one method differ from another.

    Attributes
    ----------
    train_on : {"minority", "all"}
        The classes to be filled, or every class.
    interpolation : {"smotenc", None}
        First idea of ImbLLM: train on interpolated rows too. None: on real rows only.
    permutation : {"label-first", "label-last", "no-label", "all", "none"}
        Second idea: the label comes first and the features follow in a fresh random order.
        ``"label-last"``: after the features, in a fresh random order; ``"no-label"``: these
        alone; ``"all"`` shuffles the label along; ``"none"`` keeps the order of the table, behind
        the label. Where the label stands decides who labels a row, see `labelled_by`.
    condition : {"feature", "any-feature", "label"}
        Third idea: a prompt holds the value of one feature, each feature in turn.
        ``"any-feature"``: of a feature drawn for each row; ``"label"``: of none. A label that
        stands first or anywhere is in the prompt in any case.
    selection : {"classifier", None}
        ``"classifier"``: a row is written again where a classifier of the real rows finds
        another class likelier than its own, see `counterpoise.generation._selection`. None: every
        row is kept.
    refinement : {"auto", "always", None}
        With selection and a label in the prompt: the model goes on to learn from rows of its own
        that were kept, see `counterpoise.training._refinement`. ``"auto"``: where the rows to
        be written make up for it. None: it learns from the corpus alone.
    numbers : {"plain", "digits"}
        In text: as the model's tokenizer writes them, or one digit a token. The table vocabulary
        has a token a digit anyway.
    epochs : int or "auto"
        Passes over the training rows; ``"auto"`` finds out.
    validation_fraction : float or "auto"
        Share of each trained class held out for early stopping; 0 never stops early.
    temperature : float
        Sampling temperature.
    serialization : {"table", "text"}
        In a vocabulary of the table's own, or in the model's.
    decoding : {"grammar", "free"}
        ``"grammar"``: only what the table allows may be written. ``"free"``: the model may write
        anything, and what it wrote is read, dropped and filled in as published; with
        ``serialization="text"``.

    Raises
    ------
    ValueError
        If a value is none of these.
    """

    train_on: str = "minority"
    interpolation: str | None = "smotenc"
    permutation: str = "label-first"
    condition: str = "feature"
    selection: str | None = None
    refinement: str | None = None
    numbers: str = "plain"
    epochs: int | str = "auto"
    validation_fraction: float | str = "auto"
    temperature: float = 1.0
    serialization: str = "table"
    decoding: str = "grammar"

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}; got {getattr(self, name)!r}")
        if self.epochs != "auto" and not (_is_number(self.epochs, int) and self.epochs >= 1):
            raise ValueError(f"epochs must be 1 or more, or 'auto'; got {self.epochs!r}")
        share = self.validation_fraction
        if share != "auto" and not (_is_number(share, float) and 0 <= share < 1):
            raise ValueError(f"validation_fraction must be in [0, 1), or 'auto'; got {share!r}")
        if not (_is_number(self.temperature, float) and self.temperature > 0):
            raise ValueError(f"temperature must be above 0; got {self.temperature!r}")
        if self.decoding == "free" and self.serialization != "text":
            raise ValueError(
                "decoding='free' reads text, so it needs serialization='text'; got "
                f"serialization={self.serialization!r}"
            )

    @property
    def labelled_by(self) -> str:
        """Who says of which class a written row is.

        ``"prompt"``, where the label is given; ``"model"``, where the model writes it behind the
        finished row; ``"xgboost"``, a classifier of the table's rows, where sentences have none.
        """
        return {"label-last": "model", "no-label": "xgboost"}.get(self.permutation, "prompt")

    def changed(self, **changes: Any) -> Recipe:
        """Return the recipe with other values, those that are ``"recipe"`` left as they are."""
        return replace(self, **{k: v for k, v in changes.items() if not _is_unset(v)})


def _is_number(value: object, kind: type[int] | type[float]) -> TypeGuard[float]:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole or (kind is float and isinstance(value, Real) and not isinstance(value, bool))


def _is_unset(value: Any) -> bool:
    return isinstance(value, str) and value == AS_RECIPE


_PUBLISHED: Mapping[str, Any] = {"epochs": 50, "validation_fraction": 0.0, "temperature": 0.7}
"""What the four published methods have in common, in the code that accompanies the paper."""

_IMBLLM = Recipe(**_PUBLISHED)
_COUNTERPOISE = Recipe(interpolation=None, selection="classifier", refinement="auto")

RECIPES: Mapping[str, Recipe] = {
    "counterpoise": _COUNTERPOISE,
    "counterpoise-no-refinement": replace(_COUNTERPOISE, refinement=None),
    "counterpoise-no-selection": replace(_COUNTERPOISE, selection=None, refinement=None),
    "imbllm": _IMBLLM,
    "imbllm-no-interpolation": replace(_IMBLLM, interpolation=None),
    "imbllm-no-permutation": replace(_IMBLLM, permutation="none"),
    "imbllm-no-condition": replace(_IMBLLM, condition="label"),
    "imbllm-none": replace(_IMBLLM, interpolation=None, permutation="none", condition="label"),
    "great": Recipe(
        train_on="all", interpolation=None, permutation="all", condition="label", **_PUBLISHED
    ),
    "taptap": Recipe(
        train_on="all",
        interpolation=None,
        permutation="no-label",
        condition="any-feature",
        numbers="digits",
        **_PUBLISHED,
    ),
    "predllm": Recipe(train_on="all", interpolation=None, permutation="label-last", **_PUBLISHED),
}
"""The methods by name.

``"imbllm"`` and its ablations: arXiv 2510.09783. ``"great"``: GReaT, arXiv 2210.06280, prompted
with the label. ``"taptap"``: TapTap, arXiv 2305.09696. ``"predllm"``: Pred-LLM, arXiv 2410.21717.
``"counterpoise"``: what does best in our own experiments (``docs/log.md``).

Where the code that accompanies the ImbLLM paper departs from these descriptions, or we from it:

NOTE[DIFF] That code never draws again. Of Pred-LLM it keeps the rows that the model labels the
minority and makes do with fewer than asked, possibly none; of TapTap it appends every row with the
label that XGBoost gives it, majority rows too. Here rows are drawn until there are as many as
asked for, and a `DecodingError` ends it where the minority (nearly) never comes.
NOTE[DIFF] It starts TapTap's rows with a label that no sentence of the training had; here with a
value of a feature, as TapTap itself does.
NOTE[DIFF] It trains Pred-LLM on each row twice, shuffled and in the table's order, and asks for
the label of a finished row in a second pass in that order. Here the model labels a row as it has
just written it. Both draw the label at the temperature of the rest; neither takes the likeliest.
NOTE[DIFF] It leaves `top_k` at the 50 of its generation library; here nothing is cut off.
"""

CHANGEABLE = tuple(field.name for field in fields(Recipe) if field.name != "numbers")
"""What parameters of the over-sampler of the same name can change in a recipe."""


def as_recipe(recipe: str | Recipe, **changes: Any) -> Recipe:
    """Return the recipe of a name, or the one given, with `changes` that are not ``"recipe"``.

    Examples
    --------
    >>> as_recipe("imbllm", temperature=1.0, epochs="recipe").temperature
    1.0

    Raises
    ------
    ValueError
        If no recipe has that name.
    """
    if isinstance(recipe, Recipe):
        return recipe.changed(**changes)
    if recipe not in RECIPES:
        raise ValueError(f"recipe must be one of {sorted(RECIPES)}, or a Recipe; got {recipe!r}")
    return RECIPES[recipe].changed(**changes)

"""A method as a value: what is trained on, how a row is serialized, what a prompt holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from counterpoise._parameters import Number, Parameters, at_least, check_parameters

_ALLOWED: dict[str, tuple[Any, ...]] = {
    "train_on": ("minority", "all"),
    "interpolation": ("smotenc", None),
    "permutation": ("label-first", "condition-first", "label-last", "no-label", "all", "none"),
    "condition": ("feature", "any-feature", "label"),
    "selection_rule": ("likeliest", "calibrated"),
    "refinement": ("auto", "always", None),
    "serialization": ("table", "text"),
    "decoding": ("grammar", "free"),
    "digit_tokens": (False, True),
    "epochs": (at_least(1), "auto"),
    "max_samples_seen": (at_least(1), None),
    "patience": (at_least(1),),
    "validation_fraction": (Number("a number in [0, 1)", lambda n: 0 <= n < 1, Real), "auto"),
    # within what 32 bits hold when logits are divided by it
    "temperature": (Number("a number from 1e-30 to 1e30", lambda n: 1e-30 <= n <= 1e30, Real),),
    "top_p": (Number("a number from 1e-30 to 1", lambda n: 1e-30 <= n <= 1, Real),),
}


@dataclass(kw_only=True, eq=False, repr=False)
class Recipe(Parameters):
    """What makes one method differ from another; see `get_recipe` for the named ones.

    The three ideas are those of ImbLLM (arXiv 2510.09783).

    Parameters
    ----------
    train_on : {"minority", "all"}, default="minority"
        Train on the classes to be filled, as published, or on every class.
    interpolation : {"smotenc", None}, default="smotenc"
        First idea of ImbLLM: train on SMOTE-NC rows too, of which only the label and the
        numeric features are kept. None trains on real rows only.
    permutation : {"label-first", "condition-first", "label-last", "no-label", "all", "none"}
        Second idea, and the default, ``"label-first"``: the label, then the features in a random
        order, new for each training sample. ``"condition-first"``: the label, then one feature
        drawn at random, then the others in the table's order, which takes far fewer samples to
        learn. ``"label-last"``: after the features; ``"no-label"``: features only; ``"all"``
        shuffles the label along; ``"none"`` keeps the table's order behind the label. Where the
        label stands decides who labels a generated row, see `labelled_by`.
    condition : {"feature", "any-feature", "label"}, default="feature"
        Third idea: a prompt is the label and the value of one feature, each feature in turn or
        (``"any-feature"``) drawn for each row. ``"label"`` prompts with the label alone.
    relations : bool, default=False
        Whether the sampler's ``constraints="auto"`` searches the table for relations between
        columns, and keeps them. A list that has ``"auto"`` in it does so with any recipe.
    selection : None, "classifier", classifier or list of classifiers, default=None
        Keep a generated row only if classifiers that were trained on the real rows of all classes
        select it; otherwise it is rejected and another one generated. ``"classifier"`` is an
        ensemble of three histogram gradient boosting classifiers. Any scikit-learn classifier with
        ``predict_proba`` or ``decision_function``, or a list of them, can be given. None keeps
        every row, as published.

        Decision trees, forests, extra trees, histogram gradient boosting, logistic regression and
        pipelines of these can be saved; `save` refuses others.
    selection_rule : {"likeliest", "calibrated"}, default="likeliest"
        ``"likeliest"`` selects a row where the classifiers find no other class likelier: clear
        cases, for training a classifier; after eight draws per row, those that came closest are
        taken. ``"calibrated"`` keeps rows true: of three draws per row, those are selected that
        together are like the real rows of the class, in how frequent each column's values are, and
        in how many cases are doubtful and how many clear.
    refinement : {"auto", "always", None}, default=None
        Whether the model is trained further on rows of its own, about 300 per class, that
        `selection` accepted (rejection-sampling fine-tuning); it then needs a half to a quarter of
        the draws. ``"auto"`` does so where the rows to be generated make up for it.
    epochs : int or "auto", default="auto"
        Passes over the training rows (real and interpolated); the paper has 50. ``"auto"`` stops
        where held-out rows get no likelier, and where a class has fewer than 200 rows then trains
        once more, for as long, on all rows. Never more than 50, nor than about 30,000 training
        samples (6,000 for a pre-trained model).
    max_samples_seen : int, default=None
        Training samples seen at most, repeats included, whatever `epochs`; None for no limit.
    validation_fraction : float or "auto", default="auto"
        Share of each trained class held out for early stopping, in [0, 1). Given a share, the best
        weights are kept and there is no second training. ``"auto"``: a tenth of the classes with
        200 rows or more; with ``epochs="auto"`` also a fifth of those with 20 to 199. 0 never stops
        early. ``epochs="auto"`` then is ten passes, or 10,000 training samples if that is less; up
        to 300 held-out rows of the largest class lengthen it, while they get clearly likelier, to
        20,000 samples and on to ten passes or 30,000.
    patience : int, default=3
        Evaluations of the held-out rows (after each epoch, or 500 rows) without a better loss
        before training stops.
    temperature : float, default=1.0
        Sampling temperature. The paper's implementation uses 0.7; 1.0 is more diverse.
    top_p : float, default=1.0
        Sample only from the likeliest tokens that together have this probability, from 1e-30 to 1.
    serialization : {"table", "text"}, default="table"
        ``"table"``: a vocabulary of the table's own, one token per category, digits for numbers.
        ``"text"``: the published sentence in the model's own tokens.
    decoding : {"grammar", "free"}, default="grammar"
        ``"grammar"``: the model chooses among what the table allows, cell by cell. ``"free"``, with
        ``serialization="text"`` only: any text, as published; a row with an unparsable number is
        generated again, other impossible cells become the most frequent category or the mean.
    digit_tokens : bool, default=False
        With ``serialization="text"``: whether numbers are split into one token per digit, as by
        TapTap.

    Examples
    --------
    >>> Recipe(selection="classifier", temperature=0.7)
    Recipe(selection='classifier', temperature=0.7)
    """

    train_on: str = "minority"
    interpolation: str | None = "smotenc"
    permutation: str = "label-first"
    condition: str = "feature"
    relations: bool = False
    selection: Any = None
    selection_rule: str = "likeliest"
    refinement: str | None = None
    epochs: int | str = "auto"
    max_samples_seen: int | None = None
    validation_fraction: float | str = "auto"
    patience: int = 3
    temperature: float = 1.0
    top_p: float = 1.0
    serialization: str = "table"
    decoding: str = "grammar"
    digit_tokens: bool = False

    @property
    def labelled_by(self) -> str:
        """What gives a generated row its class: ``"prompt"``, ``"model"`` or ``"xgboost"``."""
        return {"label-last": "model", "no-label": "xgboost"}.get(self.permutation, "prompt")

    def validate(self) -> None:
        """Raise a ValueError for a value that is not documented, or two that do not go together."""
        check_parameters(self, _ALLOWED)
        given, is_name = self.selection, isinstance(self.selection, str)
        several = given if isinstance(given, list | tuple) else [given]
        if given is not None and not (given == "classifier" if is_name else _can_select(several)):
            raise ValueError(
                "selection must be None, 'classifier', a scikit-learn classifier with "
                f"predict_proba or decision_function, or a list of them; got {given!r}"
            )
        if self.decoding == "free" and self.serialization != "text":
            raise ValueError(
                "decoding='free' parses text, so it needs serialization='text'; got "
                f"serialization={self.serialization!r}"
            )


def _can_select(classifiers: Sequence[Any]) -> bool:
    """Whether each can be fitted and scores classes; False if there is none."""
    scored = [hasattr(c, "predict_proba") or hasattr(c, "decision_function") for c in classifiers]
    fitted = [hasattr(c, "fit") and not isinstance(c, type) for c in classifiers]
    return len(scored) > 0 and all(scored) and all(fitted)


_RECIPES: dict[str, Recipe] = {}


def register_recipe(name: str, recipe: Recipe) -> None:
    """Make a valid recipe available by name, in place of another one of that name."""
    recipe.validate()
    _RECIPES[name] = recipe


def recipe_names() -> list[str]:
    """Return the names of all registered recipes, sorted."""
    return sorted(_RECIPES)


def get_recipe(recipe: str | Recipe, **changes: Any) -> Recipe:
    """Return a copy of a recipe, given by name or as it is, with other values for some parameters.

    A ValueError says that no recipe has that name, or that there is no such parameter.

    >>> get_recipe("imbllm", temperature=1.0).epochs
    50
    """
    if isinstance(recipe, Recipe):
        return recipe.copy(**changes)
    if recipe not in _RECIPES:
        raise ValueError(f"recipe must be one of {recipe_names()}, or a Recipe; got {recipe!r}")
    return _RECIPES[recipe].copy(**changes)

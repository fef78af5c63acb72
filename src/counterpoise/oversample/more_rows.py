"""Further rows from a sampler that has been fitted, without training again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from counterpoise.oversample.filling import Pen
from counterpoise.oversample.fixed import Fixed, read_fixed
from counterpoise.oversample.frames import CallerTypes
from counterpoise.oversample.rules import Rules
from counterpoise.oversample.writer import RowWriter


class MoreRows:
    """The part of an over-sampler that writes rows on request."""

    writer_: RowWriter
    _rng: np.random.Generator
    _rules: Rules
    _caller_types: CallerTypes

    def _pen(self) -> Pen:
        raise NotImplementedError

    def sample(
        self,
        n: int,
        *,
        class_: Any = None,
        condition: Mapping[Any, Any] | None = None,
        random_state: Any = None,
    ) -> tuple[Any, Any]:
        """Write more rows without training again.

        Parameters
        ----------
        n : int
            How many.
        class_ : object, optional
            Their class; may be omitted if the model was trained on a single one. The model knows
            the classes it was trained on: with ``train_on="all"``, all of them.
        condition : mapping, optional
            Values that all the rows have: column name -> value. They take the place of the
            conditions that are otherwise drawn.
        random_state : int, RandomState instance or None
            Seed of these rows; None continues the stream of the fit, so that repeated calls
            write different rows.

        Returns
        -------
        X : DataFrame or ndarray of shape (n, n_features)
            As the X of the fit.
        y : Series or ndarray of shape (n,)
            As the y of the fit.

        Raises
        ------
        ValueError
            If the class was not trained on, or the condition names an unknown column or a value
            outside the column's domain.
        """
        whole = max(n, 1) if _is_count(n) else 1
        return next(
            self.sample_chunks(
                n,
                chunk_size=whole,
                class_=class_,
                condition=condition,
                random_state=random_state,
            )
        )

    def sample_chunks(
        self,
        n: int,
        *,
        chunk_size: int = 10_000,
        class_: Any = None,
        condition: Mapping[Any, Any] | None = None,
        random_state: Any = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Write more rows piece by piece, in memory that does not grow with their number.

        Parameters
        ----------
        n : int
            How many in all.
        chunk_size : int, default=10_000
            How many at a time.
        class_, condition, random_state
            As in :meth:`sample`.

        Yields
        ------
        X : DataFrame or ndarray of shape (at most chunk_size, n_features)
        y : Series or ndarray of shape (at most chunk_size,)

        Raises
        ------
        ValueError
            As :meth:`sample`, at the call and not at the first chunk.
        """
        check_is_fitted(self, "writer_")
        if not _is_count(n):
            raise ValueError(f"n must be a whole number of rows, 0 or more; got {n!r}")
        if not _is_count(chunk_size) or chunk_size == 0:
            raise ValueError(f"chunk_size must be a positive whole number; got {chunk_size!r}")
        rng = self._rng if random_state is None else generator_of(random_state)
        fixed = read_fixed(self._rules.layout, condition or {}) if condition else None
        self._pen().rules.accept()  # for its error
        label = self._trained_class(class_)
        sizes = [min(chunk_size, n - start) for start in range(0, n, chunk_size)] or [0]
        return (self._sample_chunk(size, label, fixed, rng) for size in sizes)

    def _sample_chunk(
        self, n: int, class_: Any, fixed: Fixed | None, rng: np.random.Generator
    ) -> tuple[Any, Any]:
        generated, _, _ = self._pen().draw(class_, n, rng, fixed)
        frame = self._rules.layout.split(generated.table).to_frame()
        return self._caller_types.X(frame.iloc[:, 1:]), self._caller_types.y(frame.iloc[:, 0])

    def _trained_class(self, class_: Any) -> Any:
        """Return the class to be written, which the model must have been trained on."""
        trained = self.writer_.rows.starts.labels
        names = self.writer_.language.schema[0].decode(trained).tolist()
        if class_ is None and len(trained) == 1:
            return names[0]
        if class_ is None or class_ not in names:
            raise ValueError(
                f"class_ must be one of the classes that the model was trained on, {names}; got "
                f"{class_!r}. With train_on='all' it is trained on every class"
            )
        return class_


def _is_count(n: object) -> bool:
    return isinstance(n, int | np.integer) and not isinstance(n, bool) and int(n) >= 0


def generator_of(random_state: Any) -> np.random.Generator:
    """Return a generator seeded from scikit-learn's kinds of `random_state`."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))

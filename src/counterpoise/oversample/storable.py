"""Keeping a fitted sampler in a folder."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Self

from sklearn.utils.validation import check_is_fitted


class Storable:
    """The part of an over-sampler that writes it to a folder and makes it again."""

    def save(
        self, folder: str | PathLike[str], *, include_rows: bool = False, overwrite: bool = False
    ) -> None:
        """Write the fitted sampler to a folder, as safetensors and JSON.

        The folder holds the model, the columns with their categories and ranges, the parts of
        free text, and how often each value of a column occurs in a class, column by column. It
        holds no row of the table, unless asked for. That does not make it anonymous: rare
        categories are in it, and a model can have learned a row by heart.

        Parameters
        ----------
        folder : str or path
            Where to; it is written whole or not at all.
        include_rows : bool, default=False
            Also store the rows that the model was trained on.
        overwrite : bool, default=False
            Replace a sampler that was saved there before.

        Raises
        ------
        ModelError
            If the folder exists, or a parameter or the model is of a kind that can't be stored.
        """
        from counterpoise.oversample.saved import save_sampler

        check_is_fitted(self, "writer_")
        save_sampler(self, Path(folder), include_rows=include_rows, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | PathLike[str], *, device: str | None = None) -> Self:
        """Make the sampler that :meth:`save` wrote; nothing in the folder is executed.

        It writes the rows that the saved one would have written next, on the same device. What
        tells of the fit's own rows (`provenance_`) is not in it.

        Parameters
        ----------
        folder : str or path
            The folder.
        device : str, optional
            Where to run, in place of what the parameter `device` was.

        Raises
        ------
        ModelError
            If a file is missing, cut, changed, malformed or of another version.
        """
        from counterpoise.oversample.saved import load_sampler

        sampler: Self = load_sampler(cls, Path(folder), device)
        return sampler

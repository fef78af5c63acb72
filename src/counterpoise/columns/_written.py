"""Numbers and dates in text, read and written in a notation that fits every cell exactly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import distinct, is_object, is_string

_FEWEST_STRINGS: Final = 50  # more than so many are different where strings are numbers or dates
_FEWEST_INTEGERS: Final = 3  # so many are different where integers are dates
_MISFITS: Final = 0.1  # up to this share of the strings are misfits, of which a warning tells
_N_SAMPLED: Final = 20


def texts_of(series: pd.Series[Any]) -> list[str]:
    """Return the distinct strings of a column; none if it holds anything else."""
    if not (is_string(series.dtype) or is_object(series.dtype)):
        return []
    values = distinct(series)[1]
    return [str(value) for value in values] if all(type(v) is str for v in values) else []


def written_values(series: pd.Series[Any]) -> list[str]:
    """Return the distinct strings that can be numbers or dates; integers if they may be dates."""
    if getattr(series.dtype, "kind", "O") not in "iuf":
        texts = texts_of(series)
        return texts if len(texts) > _FEWEST_STRINGS else []
    numbers = series.dropna().to_numpy(dtype=float)
    if not np.isfinite(numbers).all():
        return []
    for low in (1e7, 1e13):  # of 8 digits or 14
        if ((numbers >= low) & (numbers < low * 10) & (numbers % 1 == 0)).all():
            texts = [str(int(number)) for number in np.unique(numbers).tolist()]
            return texts if len(texts) >= _FEWEST_INTEGERS else []
    return []


def misfit(
    notation: type[NumberNotation | DateNotation], texts: Sequence[str]
) -> tuple[str, str] | None:
    """Return a text unlike nearly all others, and the notation of those; None if there is none."""
    step = max(1, len(texts) // _N_SAMPLED)
    for start in range(min(step, 5)):
        for candidate in notation.found(texts[start::step])[:1]:
            others = [text for text in texts if not candidate.writes(text)]
            if 0 < len(others) <= _MISFITS * len(texts):
                return others[0], str(candidate)
    return None


def doubt(series: pd.Series[Any], known: str) -> str | None:
    """Say what is not certain of the notation of a column: `known`, or none if that is empty."""
    texts = written_values(series) or (texts_of(series) if known else [])
    for kind, notation in (("datetime", DateNotation), ("decimal", NumberNotation)):
        found = [str(one) for one in notation.found(texts)]
        if known in found and len(found) > 1:
            other = next(one for one in found if one != known)
            return (
                f"is read as {known}, and {other} fits too: declare '{kind}:{other}' if it is that"
            )
        if not known and (different := misfit(notation, texts)):
            return (
                f"is taken as text, for {different[0]!r} is not written like the others, which are "
                f"{different[1]}: correct it or make it missing, and they are read as {kind}"
            )
    return None


def kind_and_notation(kind: str | None) -> tuple[str | None, str]:
    """Split what a user declares, such as ``datetime:%d.%m.%Y``."""
    name, _, notation = (kind or "").partition(":")
    return name or None, notation


# Numbers

_NUMBER = re.compile(r"(\D*)([0-9](?:[0-9.,'\u2019 \u00a0\u2009\u202f]*[0-9])?)(\D*)")
_MINUS: Final = "-\u2212"
_SPACES: Final = " \u00a0\u2009\u202f"
_MARKS: Final = [  # of thousands and of decimals, the usual ones first
    *[("", "."), (",", "."), (".", ",")],
    *[(space, decimal) for decimal in ",." for space in _SPACES],
    *[("'", "."), ("\u2019", "."), ("'", ","), ("\u2019", ","), ("", ",")],
]
_EXAMPLE = re.compile(r"(\D*)1(\D?)234(?:([.,])(0*)([0-9]*))?(\D*)")
_LONGEST_CURRENCY: Final = 4  # characters before a number, as in CA$
_LONGEST_UNIT: Final = 12  # characters after it
_MOST_DIGITS: Final = 18
_MOST_READ: Final = 1000  # digits; Python itself reads 4,300 at most

Affixes = tuple[str, str]  # what stands before and after the digits of a number


@dataclass(frozen=True)
class NumberNotation:
    """How a column writes numbers: their marks, and what is around positive ones, negatives and 0.

    As text, it is 1234 as the column writes it, with the decimals that all numbers have as zeros
    and then, if there can be more, a 5. After semicolons follow -1234 and 0 (as 1234), unless a
    minus is before all and 0 is written as if it were positive.

    >>> notation = NumberNotation.parse("$1,234.00;($1,234.00)")
    >>> notation.write(-123456789, 2), notation.read("$12.50")
    ('($1,234,567.89)', (1250, 2))
    """

    thousands: str
    decimal: str
    fewest_decimals: int
    is_fixed: bool  # whether all numbers have as many decimals
    positive: Affixes
    negative: Affixes
    zero: Affixes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a notation; a ValueError if it is none."""
        parts = [_EXAMPLE.fullmatch(part) for part in text.split(";")]
        found = [part for part in parts if part is not None]
        forms = {(part[2], part[3] or "", len(part[4] or ""), not part[5]) for part in found}
        if not len(found) == len(parts) <= 3 or len(forms) > 1 or found[0][2] == found[0][3]:
            raise ValueError(f"{text!r} is not 1234 or 1234.5 as a column writes it")
        given = [(part[1], part[6]) for part in found]
        given += _usual(given[0])[len(given) :]
        return cls(*forms.pop(), *given[:3])

    def __str__(self) -> str:
        usual = _usual(self.positive)
        affixes = [self.positive, self.negative, self.zero]
        while affixes[-1] == usual[len(affixes) - 1] and len(affixes) > 1:
            affixes.pop()
        decimals = "0" * self.fewest_decimals + "5" * (not self.is_fixed)
        digits = f"1{self.thousands}234{self.decimal}{decimals}"
        return ";".join(f"{before}{digits}{after}" for before, after in affixes)

    @classmethod
    def found(
        cls, texts: Sequence[str], *, is_declared: bool = False, like: str = ""
    ) -> list[Self]:
        """Return the notations of numbers; with `like`, those with its marks and affixes."""
        numbers: list[str] = []
        by_sign: dict[int, Affixes] = {}
        plain: set[Affixes] = set()
        for text in texts:
            if (match := _NUMBER.fullmatch(text)) is None:
                return []
            affixes = match[1], match[3]
            sign, unsigned = _without_sign(*affixes)
            plain.add(unsigned)
            is_zero = sign > 0 and not any(digit in match[2] for digit in "123456789")
            if by_sign.setdefault(0 if is_zero else sign, affixes) != affixes or len(plain) > 1:
                return []
            numbers.append(match[2])
        if not numbers or not (is_declared or _is_usual(*plain)) or _splits_number(*plain):
            return []
        positive = by_sign.get(1) or by_sign.get(0) or next(iter(plain))
        usual = _usual(positive)
        others = by_sign.get(-1, usual[1]), by_sign.get(0, usual[2])
        wanted = cls.parse(like) if like else None
        if wanted is not None and wanted.positive != positive:
            return []
        known: dict[Self, None] = {}
        for thousands, decimal in [(wanted.thousands, wanted.decimal)] if wanted else _MARKS:
            parts = [number.partition(decimal or "\0") for number in numbers]
            lengths = {len(fraction) for _, _, fraction in parts}
            longest = max(len(whole.replace(thousands, "")) for whole, *_ in parts) + max(lengths)
            has_marks = thousands and any(thousands in number for number in numbers)
            marks = thousands if has_marks else "", decimal if lengths != {0} else ""
            notation = cls(*marks, min(lengths), len(lengths) == 1, positive, *others)
            if (longest <= _MOST_DIGITS or is_declared) and all(map(notation.writes, texts)):
                known[notation] = None
        # digits alone, and after a plus that no minus is beside, are codes or telephone numbers
        is_code = plain == {("", "")} and (not positive[0] or -1 not in by_sign)
        return [n for n in known if is_declared or n.thousands or n.decimal or not is_code]

    def write(self, code: int, decimals: int) -> str:
        """Write a number in units of ``10**-decimals``."""
        whole, fraction = divmod(abs(code), 10**decimals)
        grouped = f"{whole:,}".replace(",", self.thousands)
        kept = f"{fraction:0{decimals}d}" if decimals else ""
        kept = kept[: self.fewest_decimals] + kept[self.fewest_decimals :].rstrip("0")
        before, after = self.positive if code > 0 else self.negative if code else self.zero
        return f"{before}{grouped}{self.decimal if kept else ''}{kept}{after}"

    def read(self, text: str) -> tuple[int, int] | None:
        """Return a number without its decimal mark, and how many decimals it has."""
        for sign, (before, after) in ((1, self.positive), (-1, self.negative), (1, self.zero)):
            digits = text.removeprefix(before).removesuffix(after)
            if len(before) + len(digits) + len(after) != len(text):
                continue
            digits = digits.replace(self.thousands, "") if self.thousands else digits
            whole, _, fraction = digits.partition(self.decimal or ".")
            if re.fullmatch(f"[0-9]{{1,{_MOST_READ}}}", number := whole + fraction):
                return sign * int(number), len(fraction)
        return None

    def code(self, text: str, decimals: int) -> int | None:
        """Return a number in units of ``10**-decimals``; None unless it is written exactly so."""
        found = self.read(text)
        if found is None or found[1] > decimals:
            return None
        code = found[0] * int(10 ** (decimals - found[1]))
        return code if self.write(code, decimals) == text else None

    def writes(self, text: str) -> bool:
        found = self.read(text)
        decimals = 0 if found is None else max(found[1], self.fewest_decimals)
        return self.code(text, decimals) is not None

    def number(self, cell: Any) -> float:
        """Return a number that may be written in another way too; NaN if it is none."""
        found = self.read(cell) if isinstance(cell, str) else None
        if found is None:
            return float(pd.to_numeric(cell, errors="coerce"))
        return float(found[0] / 10 ** found[1])


def _usual(positive: Affixes) -> tuple[Affixes, Affixes, Affixes]:
    """Return the affixes of positive and negative numbers and of 0, by those of the first."""
    before, after = positive
    return positive, (f"-{before.removeprefix('+')}", after), positive


def _without_sign(before: str, after: str) -> tuple[int, Affixes]:
    """Return the sign of a number and its affixes without it."""
    if before.startswith("(") and after.endswith(")"):
        return -1, (before[1:], after[:-1])
    for minus in _MINUS:
        if minus in before:
            return -1, (before.replace(minus, "", 1), after)
        if after == minus:
            return -1, (before, "")
    return 1, (before.replace("+", "", 1), after)


def _splits_number(affixes: Affixes) -> bool:
    """Whether a number is not written as numbers are: ``.5``, ``5.`` or indented."""
    before, after = affixes
    return before.isspace() or before.endswith((".", ",")) or after.startswith((".", ","))


def _is_usual(affixes: Affixes) -> bool:
    """Whether a currency or a unit is around a number, and not the rest of an identifier."""
    before, after = affixes
    n_symbols = sum(unicodedata.category(character) == "Sc" for character in before)
    is_code = re.fullmatch(rf"[A-Z]{{3}}[{_SPACES}]", before) is not None
    is_currency = n_symbols == 1 and len(before) <= _LONGEST_CURRENCY
    return (not before or is_code or is_currency) and len(after) <= _LONGEST_UNIT


# Dates and times

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FIRST_YEAR: Final = 1900  # that of times without a date
_CENTURY: Final = 1969  # first year of two digits
_DIRECTIVE = re.compile(r"%(-?)([YymdbBaAHIMSfLpP])")
_TWO: Final = "[0-9]{2}"
_FIELDS: Final[dict[str, tuple[str, Callable[[datetime], str]]]] = {  # how each is read and written
    "Y": ("[0-9]{4}", lambda time: f"{time.year:04d}"),
    "y": (_TWO, lambda time: f"{time.year % 100:02d}"),
    "m": (_TWO, lambda time: f"{time.month:02d}"),
    "d": (_TWO, lambda time: f"{time.day:02d}"),
    "B": ("|".join(_MONTHS), lambda time: _MONTHS[time.month - 1]),
    "b": ("|".join(month[:3] for month in _MONTHS), lambda time: _MONTHS[time.month - 1][:3]),
    "A": ("|".join(_DAYS), lambda time: _DAYS[time.weekday()]),
    "a": ("|".join(day[:3] for day in _DAYS), lambda time: _DAYS[time.weekday()][:3]),
    "H": (_TWO, lambda time: f"{time.hour:02d}"),
    "I": (_TWO, lambda time: f"{(time.hour - 1) % 12 + 1:02d}"),
    "M": (_TWO, lambda time: f"{time.minute:02d}"),
    "S": (_TWO, lambda time: f"{time.second:02d}"),
    "f": ("[0-9]{6}", lambda time: f"{time.microsecond:06d}"),
    "L": ("[0-9]{3}", lambda time: f"{time.microsecond // 1000:03d}"),
    "p": ("[AP]M", lambda time: "AM" if time.hour < 12 else "PM"),
    "P": ("[ap]m", lambda time: "am" if time.hour < 12 else "pm"),
}

# What is looked for, the usual forms first
_DATES: Final = [
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y%m%d%H%M%S"),
    *("%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%m/%d/%y", "%d-%m-%Y", "%d-%m-%y"),
    *("%d/%m/%Y", "%d/%m/%y", "%m-%d-%Y", "%m-%d-%y", "%m.%d.%Y", "%m.%d.%y"),
    *(f"%d{mark}%{month}{mark}%{year}" for mark in " -." for month in "bB" for year in "Yy"),
    *(f"{day}%{month} %d{mark} %Y" for day in ("", "%A, ") for month in "bB" for mark in (",", "")),
    *("%d. %B %Y", "%d. %b %Y", "%a, %d %b %Y", "%A, %d %B %Y"),
    *("%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%m.%Y"),
    *(f"%{month}{mark}%{year}" for month in "bB" for mark in " -" for year in "Yy"),
]
_TIMES: Final = [
    *("%H:%M:%S", "%H:%M", "%M:%S", "%H:%M:%S.%L", "%H:%M:%S.%f", "%H:%M:%SZ", "%H:%M:%S.%LZ"),
    *(f"%I:%M{rest}{half}" for rest in ("", ":%S") for half in (" %p", " %P", "%p", "%P")),
]
_DATE_AND_TIME = re.compile(r"(?:(.+?)(, |T| ))?([0-9]{1,2}:.*)", re.DOTALL)


@dataclass(frozen=True)
class DateNotation:
    """How a column writes dates and times, in the directives of `strptime`.

    A minus says that a number has no leading zero (``%-d``); beside those of `strptime` there are
    ``%L`` for milliseconds and ``%P`` for am and pm.

    >>> DateNotation("%-m/%-d/%Y %I:%M %p").read("1/31/2024 09:05 PM")
    datetime.datetime(2024, 1, 31, 21, 5)
    """

    format: str

    def __str__(self) -> str:
        return self.format

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check a format; a ValueError if it is none."""
        fields = [field for _, field in _DIRECTIVE.findall(text)]
        if "%" in _DIRECTIVE.sub("", text) or len(set(fields)) < len(fields) or not fields:
            raise ValueError(f"{text!r} is not a format of dates or times, such as %d.%m.%Y")
        return cls(text)

    @classmethod
    def found(cls, texts: Sequence[str], *, is_declared: bool = False) -> list[Self]:  # noqa: ARG003
        """Return the formats of all texts: there can be two if no day is after the 12th."""
        if not texts:
            return []
        formats = _fitting(_DATES, texts[0])
        if parts := _DATE_AND_TIME.fullmatch(texts[0]):
            date, mark, time = parts.groups("")
            dates = _fitting(_DATES, date) if date else [""]
            formats += [f"{one}{mark}{other}" for one in dates for other in _fitting(_TIMES, time)]
        found: list[Self] = []
        for one in formats:
            # a time of day rather than minutes and seconds
            is_other = one.endswith("%M:%S") and "%H" not in one and (found or one != "%M:%S")
            if not is_other and (notation := cls(one).padded_as(texts)) is not None:
                found.append(notation)
        return found

    def padded_as(self, texts: Iterable[str]) -> Self | None:
        """Return the format with leading zeros as all texts have them; None if it isn't theirs."""
        matches = list(map(_lax(self.format).fullmatch, texts))
        found = [match for match in matches if match is not None]
        if len(found) < len(matches):
            return None
        unpadded = {f for match in found for f, part in match.groupdict().items() if len(part) < 2}
        form = _DIRECTIVE.sub(lambda d: f"%{'-' * (d[2] in unpadded)}{d[2]}", self.format)
        exact = type(self)(form)
        return exact if all(exact.writes(match[0]) for match in found) else None

    @property
    def _fields(self) -> set[str]:
        return {field for _, field in _DIRECTIVE.findall(self.format)}

    @property
    def has_date(self) -> bool:
        """Whether it writes more than a time of day."""
        return not self._fields <= set("HIMSfLpP")

    @property
    def has_only_months(self) -> bool:
        """Whether it writes no day."""
        return self.has_date and "d" not in self._fields

    @property
    def resolution(self) -> str:
        """Unit of numpy that holds all that it writes."""
        return "us" if self._fields & {"f", "L"} else "s"

    @property
    def ends(self) -> tuple[str, str]:
        """The first and the last instant that it can write."""
        if "Y" in self._fields:
            return "0001-01-01", "9999-12-31T23:59:59.999999"
        if self.has_date:
            return f"{_CENTURY}-01-01", f"{_CENTURY + 99}-12-31T23:59:59.999999"
        hour = "23" if self._fields & {"H", "I"} else "00"
        return f"{_FIRST_YEAR}-01-01", f"{_FIRST_YEAR}-01-01T{hour}:59:59.999999"

    def read(self, text: str) -> datetime | None:
        """Return the date and time; None unless it is written exactly so."""
        match = _pattern(self.format).fullmatch(text)
        if match is None:
            return None
        part = match.groupdict()
        year, month = int(part.get("Y") or _FIRST_YEAR), int(part.get("m") or 1)
        if "y" in part:
            year = _CENTURY + (int(part["y"]) - _CENTURY) % 100
        if name := part.get("b") or part.get("B"):
            month = [known[:3] for known in _MONTHS].index(name[:3]) + 1
        hour = int(part.get("H") or part.get("I") or 0)
        if half := part.get("p") or part.get("P"):
            hour = hour % 12 + 12 * (half.upper() == "PM")
        fraction = int(part.get("f") or 0) + 1000 * int(part.get("L") or 0)
        clock = hour, int(part.get("M") or 0), int(part.get("S") or 0), fraction
        try:
            moment = datetime(year, month, int(part.get("d") or 1), *clock)
        except ValueError:
            return None
        return moment if self.write(moment) == text else None

    def write(self, moment: datetime) -> str:
        def one(directive: re.Match[str]) -> str:
            text = _FIELDS[directive[2]][1](moment)
            return str(int(text)) if directive[1] else text

        return _DIRECTIVE.sub(one, self.format)

    def writes(self, text: str) -> bool:
        return self.read(text) is not None

    def moments(self, texts: Iterable[str]) -> npt.NDArray[np.datetime64]:
        """Return what texts stand for; NaT unless they are written exactly so."""
        found = [self.read(text) or np.datetime64("NaT", "us") for text in texts]
        return np.array(found, dtype="M8[us]").astype(f"M8[{self.resolution}]")


@cache
def _pattern(form: str) -> re.Pattern[str]:
    parts, at = "", 0
    for directive in _DIRECTIVE.finditer(form):
        minus, field = directive.groups()
        parts += re.escape(form[at : directive.start()])
        parts += f"(?P<{field}>{'[0-9]{1,2}' if minus else _FIELDS[field][0]})"
        at = directive.end()
    return re.compile(parts + re.escape(form[at:]))


def _fitting(formats: Sequence[str], text: str) -> list[str]:
    return [one for one in formats if _lax(one).fullmatch(text)]


def _lax(form: str) -> re.Pattern[str]:
    """Return the pattern of texts whose numbers may lack leading zeros."""
    return _pattern(form if "%m%d" in form else re.sub("%([mdHI])", r"%-\1", form))

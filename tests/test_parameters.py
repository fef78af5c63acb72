"""Objects with parameters, as scikit-learn handles them."""

from numbers import Real

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from counterpoise._parameters import Number, Parameters, at_least, check_parameters


class Engine(Parameters):
    def __init__(self, size=2, *, judge=None):
        self.size = size
        self.judge = judge

    def validate(self):
        share = Number("a number in [0, 1)", lambda n: 0 <= n < 1, Real)
        check_parameters(self, {"size": (at_least(1), "auto"), "judge": (share, None)})


def test_parameters_are_read_set_and_cloned():
    engine = Engine(3, judge=LogisticRegression(C=2.0))
    assert engine.get_params(deep=False).keys() == {"size", "judge"}
    assert engine.get_params()["judge__C"] == 2.0
    copied = clone(engine)
    assert copied is not engine
    assert copied.set_params(size=5, judge__C=7.0).judge.C == 7.0
    assert engine.judge.C == 2.0
    with pytest.raises(ValueError, match="'speed'"):
        engine.set_params(speed=1)


def test_only_changed_parameters_are_shown_and_equal_ones_are_equal():
    assert repr(Engine()) == "Engine()"
    assert repr(Engine(7)) == "Engine(size=7)"
    assert repr(Engine(np.int64(7), judge=[np.str_("a")])) == "Engine(size=7, judge=['a'])"
    assert Engine(7) == Engine(7) != Engine(8)


@pytest.mark.parametrize("right", [{"size": np.int64(3)}, {"size": "auto"}, {"judge": 0}])
def test_what_is_allowed_is_accepted(right):
    Engine(**right).validate()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 0}, "size must be a whole number from 1 up or 'auto'; got 0"),
        ({"size": 1.5}, "size must be .* got 1.5"),
        ({"size": True}, "size must be .* got True"),
        ({"size": "many"}, "size must be .* got 'many'"),
        ({"judge": np.float64(1.0)}, r"judge must be a number in \[0, 1\) or None; got 1.0"),
    ],
)
def test_other_values_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Engine(**wrong).validate()

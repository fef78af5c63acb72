"""Objects with parameters, as scikit-learn handles them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from counterpoise._parameters import Parameters


class Engine(Parameters):
    def __init__(self, size=2, *, judge=None):
        self.size = size
        self.judge = judge


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

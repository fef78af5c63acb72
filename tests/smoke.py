"""What an installed wheel must do; `make smoke` runs it outside of the sources."""

import tempfile

import pandas as pd

from counterpoise import LLMOverSampler


def main() -> None:
    X = pd.DataFrame({"age": range(20, 80), "plan": ["basic", "plus", "family"] * 20})
    y = pd.Series(["stays"] * 48 + ["leaves"] * 12, name="left")
    sampler = LLMOverSampler(random_state=0)
    _, balanced = sampler.fit_resample(X, y)
    assert balanced.value_counts().to_dict() == {"stays": 48, "leaves": 48}
    with tempfile.TemporaryDirectory() as folder:
        sampler.save(folder + "/kept")
        rows, _ = LLMOverSampler.load(folder + "/kept").sample(3, class_="leaves")
    assert len(rows) == 3
    print("the wheel works")


if __name__ == "__main__":
    main()

"""The documentation of the configuration is the sample, and the sample is the model."""

from pathlib import Path

from ground2cloud.config.sample import sample

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_shows_the_sample_as_it_is() -> None:
    assert f"```toml\n{sample()}```" in PAGE.read_text("utf-8"), (
        "paste the output of sample() again"
    )

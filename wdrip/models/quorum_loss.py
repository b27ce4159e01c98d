"""What a person allows wdrip to do about a lost quorum."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from wdrip.models.reading import Document, Whole, refuse


class QuorumLossPolicy(Document):
    """What wdrip does when a cluster has lost its quorum for good."""

    act_after_seconds: Annotated[Whole, Field(le=366 * 86_400)] | None = Field(
        None,
        alias="actAfterSeconds",
        description="Recover without consent when the loss has lasted this long, at least 300; by default a "
        "person is waited for.",
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        # Machines that were restarted, all together, come back by themselves in this time.
        if self.act_after_seconds is not None and self.act_after_seconds < 300:
            raise refuse("is below five minutes", "write 300 or more", "actAfterSeconds")
        return self

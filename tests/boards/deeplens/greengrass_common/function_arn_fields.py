"""Names of functions, as far as publishing asks for them."""


class FunctionArnFields:
    """A function's name without a version."""

    def __init__(self, arn: str) -> None:
        self.unqualified_arn, self.qualifier = arn, ""

    @staticmethod
    def build_function_arn(unqualified_arn: str, qualifier: str) -> str:
        """The name with a version."""
        return unqualified_arn + (":" + qualifier if qualifier else "")

"""The one exception that means: the user can mend this; and a check that configs share."""


class UserError(Exception):
    """Bad input, config or environment. Its text is one line: what is wrong, where, and how to fix it.

    The command line prints the text without a traceback; in Python it is an ordinary exception.
    """


def refuse_below(config: object, least: int, *names: str) -> None:
    """Raise ValueError for numbers of a config that are below `least`, infinite or not a number."""
    for name in names:
        value = getattr(config, name)
        if not least <= value < float("inf"):
            wanted = f"be {least} or more" if least else "not be negative"
            raise ValueError(f"{name} must {wanted}, got {value}")

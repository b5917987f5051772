"""The one exception that means: the user can mend this."""


class UserError(Exception):
    """Bad input, config or environment. Its text is one line: what is wrong, where, and how to fix it.

    The command line prints the text without a traceback; in Python it is an ordinary exception.
    """

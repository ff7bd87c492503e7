"""`python -m jaxstt`: the same as `jaxstt`."""

from ._app import main

if __name__ == "__main__":
    main()

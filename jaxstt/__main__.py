"""`python -m jaxstt`: the same as `jaxstt`."""

from ._cli import main

if __name__ == "__main__":
    main()

"""`python -m fitting`: the same as `jaxstt-fit`."""

from ._cli import main

if __name__ == "__main__":
    main()

"""The files of a snapshot."""

ABOUT = "snapshot.toml"
TYPES = "types.csv"
PRICES = "prices.csv"
TRANSFER = "transfer.csv"  # may be missing
FILES = (ABOUT, TYPES, PRICES, TRANSFER)

"""`lorabridge prove`: against small checkouts of our own, and against the real ones where they are given."""

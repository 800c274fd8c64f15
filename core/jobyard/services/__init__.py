"""What the gateway does: each service is one noun of the contract, over the seams."""

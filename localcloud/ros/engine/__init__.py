"""What carries a stack from one state to the next, resumable after a kill at any point."""

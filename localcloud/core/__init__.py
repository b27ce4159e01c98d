"""What every emulated service stands on: state, wire protocol, signatures, faults, administration."""

"""The local stack of `wdrip up`: Temporal, the local cloud and a worker, all of one state directory."""

"""ECS: instances, Cloud Assistant and the catalogue, over the RPC protocol of API version 2014-05-26."""

#!/bin/bash
# The name of the API server, as this machine is to resolve it.
resolve_endpoint "$WDRIP_ENDPOINT_NAME" "$WDRIP_ADDRESS"

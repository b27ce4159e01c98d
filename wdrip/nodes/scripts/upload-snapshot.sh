#!/bin/bash
# A snapshot as one object.
say "uploading $(stat -c %s "$TAKEN") bytes"
upload "$TAKEN" "$PRIVATE/url"
say "uploaded"

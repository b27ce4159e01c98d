#!/bin/bash
# A snapshot as one object.
say "uploading $(stat -c %s "$SNAPSHOT") bytes"
upload "$SNAPSHOT" "$PRIVATE/url"
say "uploaded"

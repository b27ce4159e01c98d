#!/bin/bash
# A snapshot as one object.
size=$(stat -c %s "$TAKEN")
say "uploading $size bytes"
upload "$PRIVATE/url" 0 "$size"
say "uploaded"

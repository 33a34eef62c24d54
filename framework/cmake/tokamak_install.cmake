# Install rules: see the end of the file for what a prefix holds.

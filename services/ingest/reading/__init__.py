"""What collectors read with: requests and their judgement, formats, memory, waits."""

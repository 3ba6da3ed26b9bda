"""Years of mentions with storms in them, and the truth about every storm.

`plan.py` decides what happens to a watch and when, `storm.py` how a storm runs, `rhythm.py` how
many ordinary mentions there are, `writing.py` what they say and who says it, `stream.py` puts it
all into the order of collection. `truth.py` is what a judge holds detections against. The same
seed gives the same stream, watch by watch, whichever process makes it.
"""

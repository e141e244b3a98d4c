"""`make bench`: what is fast and small, and against what.

Every figure is a ratio to something that runs beside it in the same session, or the
memory of this very process: figures of two machines do not compare.
"""

from bench import memory, start

if __name__ == "__main__":
    for bench in (start, memory):
        bench.run()

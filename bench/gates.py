"""What the gates cost a call at 10,000 limits and 1,000 courses of switches: gates.c, and its figures as a table."""
import json
import subprocess


def run(args, folder):
    r = json.loads(subprocess.run([args.build / "gates"], check=True, capture_output=True, text=True).stdout)
    print(f"\nGates of a call\n"
          f"  no limits and switches             {r['without_us']:8.2f} µs\n"
          f"  {r['limits']} limits, switches of {r['courses']} courses  {r['with_us']:6.2f} µs ({r['counters']} counters)\n"
          f"  the same in two threads at once    {r['two_threads_us']:8.2f} µs of processor time")
    return r

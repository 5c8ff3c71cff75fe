"""Finding the scope of a context at 100,000 scopes over 10,000 courses: resolve.c, and its figures as a table."""
import json
import subprocess


def run(args, folder):
    done = subprocess.run([args.build / "resolve", folder / "data"], check=True, capture_output=True, text=True)
    r = json.loads(done.stdout)
    print(f"\nScopes: {r['scopes']} over {r['courses']} courses\n"
          f"  resolve, cached            {r['cached_us']:10.3f} µs\n"
          f"  resolve, uncached          {r['uncached_us']:10.3f} µs\n"
          f"  index read and built again {r['rebuild_ms']:10.1f} ms (on a worker, after a change of a scope)\n"
          f"  seen to be unchanged       {r['unchanged_ms']:10.2f} ms (after any other change)")
    return r

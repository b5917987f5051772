# What every recipe's run.sh shares; sourced by it, never run. It uses $here, the recipe's folder.

root=$(cd "$here/../.." && pwd)
python=${PYTHON:-python}
stage=1 stop_stage=4

fail() { echo "run.sh: $1" >&2; exit 1; }
need() { [[ -n ${2-} ]] || fail "$1 needs a value; see --help"; }
number() { need "$@"; [[ $2 =~ ^[1-4]$ ]] || fail "$1 must be 1, 2, 3 or 4, got $2"; }

# The comment at the top of run.sh is its help.
help() { sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"; exit 0; }

require_condgen() {
  "$python" -c "import condgen" 2>/dev/null || fail "condgen is not installed for $python: pip install -e '$root', or set PYTHON"
}

wanted() { ((stage <= $1 && $1 <= stop_stage)); }
condgen() { "$python" -m condgen "$@"; }
prepare() { "$python" "$root/data_prep/$1.py" "${@:2}"; }

# validation_files MANIFEST FIELD COUNT [DOMAIN]: the first files that validation rows name, one a line.
validation_files() {
  "$python" - "$@" <<'PYTHON'
import sys

from condgen.data.manifest import Manifest

manifest, field, count, *domain = sys.argv[1:]
rows = [row for row in Manifest.read(manifest).rows("validation") if not domain or row["domain"] == domain[0]]
for row in rows[: int(count)]:
    print(row.path(field))
PYTHON
}

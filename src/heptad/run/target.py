"""Finds the system a person means: a shipped one by its name, one in a module, one in a directory."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from heptad.errors import DeclarationError, HeptadError
from heptad.run.system import System

#: The package whose packages are the shipped systems; found by name because it stands above this room.
SHIPPED = "heptad.systems"


@dataclass(frozen=True)
class Target:
    """A system and where it was found.

    ``name`` is that of the attribute that holds it; ``directory`` the one its module lies in; ``doc`` the
    module's docstring; ``address`` what was asked for.
    """

    name: str
    system: System
    module: ModuleType
    directory: Path
    doc: str
    address: str


def shipped() -> tuple[str, ...]:
    """The short names of the systems that come with heptad, sorted."""
    found = importlib.util.find_spec(SHIPPED)
    places = found.submodule_search_locations if found is not None else None
    return tuple(sorted(module.name for module in pkgutil.iter_modules(places) if module.ispkg))


def load_target(text: str) -> Target:
    """The system that ``text`` names. Raises DeclarationError where there is none, or it cannot be imported.

    ``videos``: a shipped system. ``my_pkg.ads:ads``: an attribute of a module that can be imported from the
    current directory. ``shop`` or ``path/to/shop`` or ``shop/system.py``: a directory such as ``heptad new``
    writes, or its file. A shipped name stands before a directory of that name (write ``./videos`` for it).
    """
    path = Path(text)
    if text in shipped():
        module = _import(f"{SHIPPED}.{text}.system", text)
        return _target(module, text, text, exact=False)
    if path.is_dir() or path.suffix == ".py":
        return _at(path, text)
    module_name, colon, attribute = text.partition(":")
    if colon and attribute:
        return _target(_from_here(module_name, text), attribute, text, exact=True)
    if "." in module_name and "/" not in text:
        return _target(_from_here(module_name, text), module_name.rpartition(".")[2], text, exact=False)
    close = get_close_matches(text, shipped(), n=1)
    raise DeclarationError(
        f"system {text!r}",
        f"a shipped system ({', '.join(shipped())}), a directory with a system.py, or module:attribute",
        "no such name or directory",
        f"write {close[0]!r}" if close else "check the name, or make a system with 'heptad new'",
    )


def _at(path: Path, text: str) -> Target:
    """The system of a directory or file, as the module ``system`` of a package of its own."""
    file = path / "system.py" if path.is_dir() else path
    if not file.is_file():
        raise DeclarationError(
            f"system {text!r}",
            f"the file {file}",
            "no such file",
            "name the directory that 'heptad new' wrote",
        )
    file = file.resolve()
    # Two directories of one name may be loaded in one process; the name is the same in every process.
    mark = hashlib.sha256(str(file.parent).encode()).hexdigest()[:8]
    package = f"heptad_target_{''.join(c if c.isalnum() else '_' for c in file.parent.name)}_{mark}"
    if package not in sys.modules:
        holder = ModuleType(package)
        holder.__path__ = [str(file.parent)]
        sys.modules[package] = holder
    module = _import(f"{package}.{file.stem}", text)
    return _target(module, file.parent.name, text, exact=False)


def _from_here(module_name: str, text: str) -> ModuleType:
    """Import with the current directory on the path, as uvicorn does."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return _import(module_name, text)


def _import(name: str, text: str) -> ModuleType:
    try:
        importlib.invalidate_caches()  # the directory may have been written a moment ago
        return importlib.import_module(name)
    except HeptadError as error:
        error.add_note(f"in {_line_of(error)}")
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise DeclarationError(
                f"system {text!r}", f"a module {name!r}", f"no module {error.name!r} from {Path.cwd()}",
                "check the name, or change to the directory that holds the package",
            ) from error  # fmt: skip
        raise _broken(text, name, error) from error
    except Exception as error:
        raise _broken(text, name, error) from error


def _broken(text: str, name: str, error: Exception) -> DeclarationError:
    where = f"{error.filename}, line {error.lineno}" if isinstance(error, SyntaxError) else _line_of(error)
    return DeclarationError(
        f"system {text!r}", f"a module {name!r} that can be imported",
        f"{type(error).__name__}: {error} ({where})", "mend that line; --traceback shows the way to it",
    )  # fmt: skip


def _line_of(error: BaseException) -> str:
    """The file and line of the innermost frame that is neither heptad's, nor a package's, nor Python's."""
    ours = Path(__file__).resolve().parents[1]
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if _is_theirs(frame.filename, ours)]
    frame = (theirs or frames)[-1]
    return f"{frame.filename}, line {frame.lineno}"


def _is_theirs(filename: str, ours: Path) -> bool:
    path = Path(filename)
    if filename.startswith("<") or "site-packages" in path.parts or path.is_relative_to(sys.base_prefix):
        return False
    return path.is_relative_to(ours / "systems") or not path.is_relative_to(ours)


def _target(module: ModuleType, attribute: str, text: str, *, exact: bool) -> Target:
    """The System in a module: the attribute of this name, else the only one there."""
    systems = {name: value for name, value in vars(module).items() if isinstance(value, System)}
    found = vars(module).get(attribute)
    if not isinstance(found, System) and not exact and len(systems) == 1:
        ((attribute, found),) = systems.items()
    if not isinstance(found, System):
        raise DeclarationError(
            f"system {text!r}",
            f"an hp.System called {attribute!r} in {module.__name__}",
            f"{attribute} = {found!r:.60}" if attribute in vars(module) else _listed(systems),
            f"write {attribute} = hp.System(...), or name another: {text.partition(':')[0]}:NAME",
        )
    directory = Path(str(module.__file__)).resolve().parent
    return Target(attribute, found, module, directory, (module.__doc__ or "").strip(), text)


def _listed(systems: dict[str, System]) -> str:
    return f"systems called {', '.join(systems)}" if systems else "no system there"

from . import test_release_info

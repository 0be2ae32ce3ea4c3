from . import release_info
from . import res_config_settings

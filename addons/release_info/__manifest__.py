{
    "name": "Release information",
    "summary": "Shows which release of the image is running",
    # Without a series: Odoo puts its own in front, so that one file serves 18.0 and 19.0.
    "version": "1.0.0",
    "category": "Technical",
    "author": "odoo-ship contributors",
    "license": "LGPL-3",
    "depends": ["base_setup"],
    "data": ["views/res_config_settings_views.xml"],
}

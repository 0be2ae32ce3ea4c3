/**
 * Page that users see while Odoo is closed or cannot be reached. It loads nothing, since whatever it named would be
 * closed as well.
 */
export const maintenancePage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="30">
<title>Back in a few minutes</title>
<style>
  :root { color-scheme: light dark; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1.1rem/1.6 system-ui, sans-serif; }
  main { max-width: 32rem; padding: 2rem; }
  h1 { font-size: 1.6rem; margin: 0 0 1rem; }
  p { margin: 0 0 .75rem; }
</style>
</head>
<body>
<main>
<h1>Back in a few minutes</h1>
<p>Odoo is being updated, or is just starting. What you have saved is safe.</p>
<p>This page looks again every 30 seconds, so you can leave it open.</p>
</main>
</body>
</html>
`;

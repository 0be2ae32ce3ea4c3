/** Answers of the proxy itself, in words that tell the client what to do. */
export const errorPages = `	handle_errors {
		import headers
		header Cache-Control no-store
		# Odoo was not reached: nothing was done, and trying again is safe.
		@unreached \`{err.status_code} in [502, 503, 504] && {err.message}.startsWith("dial ")\`
		handle @unreached {
			import unavailable
		}
		@interrupted \`{err.status_code} in [502, 503, 504]\`
		handle @interrupted {
			respond "Odoo did not finish this request, and it is not known what of it was done. Look before you repeat it." \
{err.status_code}
		}
		@large \`{err.status_code} == 413\`
		handle @large {
			respond "This is larger than the {http.vars.largest_body} that this server accepts here." 413
		}
		@slow \`{err.status_code} == 408\`
		handle @slow {
			respond "This did not come in in time." 408
		}
		@often \`{err.status_code} == 429\`
		handle @often {
			respond "Too many attempts from your address. Wait a minute, then try again." 429
		}
		@full \`{err.status_code} == 507\`
		handle @full {
			respond "This server is receiving too much at once. Try again in a minute." 503
		}
		handle {
			respond "{err.status_code} {err.status_text}" {err.status_code}
		}
	}
`;

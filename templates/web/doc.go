// Package web writes the pages: read-only HTML of repositories, pulls, projects and runs.
// app/page fills a page's struct, a template under html writes it, and nothing is written
// when that fails. What does not fit a page's budget is counted and linked to. Texts are
// escaped by html/template; of a run's log only the colours are kept.
package web

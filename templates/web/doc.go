// Package web writes the pages: read-only HTML of repositories, pulls, projects and
// runs. app/page fills a page's struct, a template under html writes it, and nothing is
// written when that fails. What is longer than a page's budget is told by its number
// and led to by a link. Texts are escaped by html/template; of a run's log only its
// colours are kept.
package web

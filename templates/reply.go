package templates

import (
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// Reply is a comment that answers a command. It starts with [ReplyMarker] and the
// key's [KeyMarker], and has at most [MaxComment] bytes.
func Reply(r workflow.Reply, v workflow.PullView, l Links) string {
	head := ReplyMarker + "\n" + KeyMarker(r.Key) + "\n"
	switch r.Kind {
	case "status":
		return head + statusReply(v, l, MaxComment-len(head))
	case "help":
		return head + helpReply(r, l)
	}
	var b strings.Builder
	b.WriteString(head)
	for i, s := range r.Text {
		text := Prose(cutRunes(s, 1500))
		if i == 0 && r.To.Login != "" {
			text = "**" + Escape(r.To.Login) + "**: " + text
		}
		if b.Len()+len(text) > MaxComment-500 {
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(text + "\n")
	}
	if r.Kind == "unknown" {
		b.WriteString("\n" + Code(l.command("help")) + " lists the commands.\n")
	}
	return b.String()
}

// statusReply is every project, what it waits for and the next command.
func statusReply(v workflow.PullView, l Links, limit int) string {
	w := writer{view: v, model: Read(v, l), links: l}
	w.model.Rows = append(w.model.Rows, w.model.Unchanged...)
	if w.model.Status == StatusPlanning { // the command it would name is this one
		w.model.Commands = nil
	}
	head := w.verdict() + w.trouble(8000)
	tail := w.next() + w.footer()
	return head + w.table(limit-len(head)-len(tail)) + tail
}

func helpReply(r workflow.Reply, l Links) string {
	cmd := func(rest, what string) string { return "| " + CodeCell(l.command(rest)) + " | " + what + " |\n" }
	var b strings.Builder
	b.WriteString("Commands stand in the first line of a new comment.\n\n| Command | Does |\n| --- | --- |\n")
	b.WriteString(cmd("plan", "plans the affected projects again"))
	b.WriteString(cmd("plan -p NAME", "plans this project, also one that is not affected; `-p` may be repeated, and `*` stands for any part of a name"))
	b.WriteString(cmd("plan -d DIR", "plans the projects in a directory"))
	b.WriteString(cmd("plan -e ENVIRONMENT", "plans the projects of an environment"))
	b.WriteString(cmd("plan -w WORKSPACE", "plans the projects with this Terraform workspace"))
	b.WriteString(cmd("plan --all", "plans every project of the repository"))
	b.WriteString(cmd("status", "writes a comment with every project and what it waits for"))
	b.WriteString(cmd("help", "writes this"))
	for _, s := range r.Text {
		b.WriteString("\n" + Prose(cutRunes(s, 1000)) + "\n")
		if b.Len() > MaxComment/2 {
			break
		}
	}
	return b.String()
}

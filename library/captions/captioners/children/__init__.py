"""Programs for processes of their own, which may need heavy packages. Nobody imports them; they import nobody."""

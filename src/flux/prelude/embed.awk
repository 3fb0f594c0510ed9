# Turns the prelude's .flux files, given in order, into a C source: their texts and a table of them.
# A file's path below prelude/ without .flux is the path of the package.
BEGIN {
	n = 0
	print "/* Made by embed.awk. */"
	print "#include \"config.h\""
	print "#include \"flux/prelude/prelude.h\""
	print "#pragma GCC diagnostic ignored \"-Woverlength-strings\""
}
FNR == 1 {
	if (n)
		print ";"
	path = FILENAME
	sub(/.*\/prelude\//, "", path)
	sub(/\.flux$/, "", path)
	paths[n] = path
	printf "static const char text_%d[] =\n", n++
}
{
	gsub(/\\/, "\\\\")
	gsub(/"/, "\\\"")
	print "    \"" $0 "\\n\""
}
END {
	if (n)
		print ";"
	print "const struct ts_flux_prelude ts_flux_preludes[] = {"
	for (i = 0; i < n; i++)
		printf "    {\"%s\", text_%d, sizeof text_%d - 1},\n", paths[i], i, i
	print "    {0},\n};"
}

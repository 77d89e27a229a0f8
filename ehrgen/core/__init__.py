"""What every stage needs: whole files, strict parameters, one line of error."""

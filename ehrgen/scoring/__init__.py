"""How good are patients that anybody made? Read in whatever form they come, judged against real ones, side by side."""

FORM = "v4_front_end"

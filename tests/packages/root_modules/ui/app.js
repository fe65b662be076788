document.title += " is here";

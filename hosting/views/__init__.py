"""Pages of hosting, one topic a module. Thin: reads by ``selectors``, writes by ``services``; others' is 404."""

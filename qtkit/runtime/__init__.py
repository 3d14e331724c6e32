"""What a session is asked for, what it is made of, and what an account keeps of it."""
